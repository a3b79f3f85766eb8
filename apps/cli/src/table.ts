/** Lists as tables that fit 80 columns: the widest columns give way first, none is wrapped. */
import { clean, clip, lengthOf, WIDTH } from './text.ts';

const GAP = 2;
const NARROWEST = 6;

/** Rows of text under a head. Cells are cleaned; `fixed` columns are never clipped. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  options: { readonly fixed?: readonly number[]; readonly width?: number } = {},
): string[] {
  const cells = [head, ...rows].map((row) => head.map((_, column) => clean(row[column] ?? '')));
  const widths = head.map((_, column) =>
    Math.max(...cells.map((row) => lengthOf(row[column] ?? ''))),
  );
  const fixed = options.fixed ?? [];
  const room = (options.width ?? WIDTH) - GAP * (head.length - 1);
  for (let excess = sum(widths) - room; excess > 0; excess -= 1) {
    const column = widestFlexible(widths, fixed);
    if (column === null) break;
    widths[column] = (widths[column] ?? 0) - 1;
  }
  return cells.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        const text = clip(cell, width);
        return text + ' '.repeat(Math.max(0, width - lengthOf(text)));
      })
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

function widestFlexible(widths: readonly number[], fixed: readonly number[]): number | null {
  let widest: number | null = null;
  widths.forEach((width, column) => {
    if (fixed.includes(column) || width <= NARROWEST) return;
    if (widest === null || width > (widths[widest] ?? 0)) widest = column;
  });
  return widest;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
