/** Which backups are made by themselves. */
import { type Context, stamp } from '../context.ts';
import type { ScheduleKind } from '../world/records.ts';

/** Leaves exactly these schedules; none switches backups off. */
export function setSchedules(
  context: Context,
  volumeInstanceId: string,
  kinds: readonly string[],
): void {
  const { world } = context;
  const present = world.where(
    'backup-schedule',
    (each) => each.volumeInstanceId === volumeInstanceId,
  );
  for (const each of present) {
    if (!kinds.includes(each.scheduleKind)) world.drop('backup-schedule', each.id);
  }
  for (const scheduleKind of ['DAILY', 'WEEKLY', 'MONTHLY'] satisfies ScheduleKind[]) {
    if (!kinds.includes(scheduleKind)) continue;
    if (present.some((each) => each.scheduleKind === scheduleKind)) continue;
    world.put('backup-schedule', { ...stamp(context), volumeInstanceId, scheduleKind });
  }
}
