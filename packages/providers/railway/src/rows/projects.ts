/** Projects and workspaces. */
import { ACCOUNT, type Row, type Rows } from './row.ts';

/** What is done to a project reaches all of its environments. */
function done(effect: Row['effect'], path: string, summary: string): Row {
  return { effect, summary, on: [['project', path]], at: [['everywhere', path]] };
}

/** What is read of a project itself, none of its environments. */
function shown(path: string, summary: string): Row {
  return { effect: 'read', summary, on: [['project', path]], at: [['project', path]] };
}

export const PROJECT_QUERIES: Rows = {
  project: {
    effect: 'read',
    summary: 'Shows a project.',
    on: [['project', 'id']],
    at: [['project', 'id']],
  },
  projects: { effect: 'read', summary: 'Lists projects.', on: ACCOUNT },
  projectsByIds: {
    effect: 'read',
    summary: 'Shows projects.',
    on: [['project', 'ids']],
    at: [['project', 'ids']],
  },
  workspace: {
    effect: 'read',
    summary: 'Shows a workspace, its members and its projects.',
    on: [['workspace', 'workspaceId']],
  },
  projectCompliance: shown('projectId', 'Shows who of a project has a second factor, and backups.'),
  projectInvitations: shown('id', 'Lists who was invited into a project, without the codes.'),
  projectMembers: shown('projectId', 'Lists the members of a project.'),
  projectResourceAccess: shown('projectId', 'Tells what the plan of a project allows.'),
  projectWorkspaceMembers: shown('projectId', 'Lists who of the workspace reaches a project.'),
  projectInviteCode: {
    effect: 'escalate',
    summary: 'Makes and shows a code with which anybody joins a project.',
    on: [['project', 'projectId']],
    at: [['everywhere', 'projectId']],
  },
};

/** With code of its own it runs wherever nobody has mapped anything. */
const CODE: Pick<Row, 'adds' | 'at'> = {
  at: [['account', '', undefined, 'input.repo']],
  adds: [{ when: 'input.repo', is: 'given', operation: 'serviceConnect', on: ACCOUNT }],
};

export const PROJECT_MUTATIONS: Rows = {
  projectCreate: {
    effect: 'write',
    summary: 'Creates a project with an environment of its own.',
    on: [['workspace', 'input.workspaceId'], ['account']],
    ...CODE,
  },
  projectUpdate: done(
    'escalate',
    'id',
    'Renames a project, shows it to everybody, or lets pull requests deploy.',
  ),
  projectDelete: done('delete', 'id', 'Deletes a project with everything in it.'),
  projectScheduleDelete: done(
    'delete',
    'id',
    'Deletes a project with everything in it, in two days.',
  ),
  projectScheduleDeleteForce: done(
    'delete',
    'id',
    'Deletes a project at once that was to go in two days.',
  ),
  projectScheduleDeleteCancel: done('write', 'id', 'Keeps a project that was to be deleted.'),
  projectTransfer: done('escalate', 'projectId', 'Moves a project to another workspace.'),
  projectTransferToTeam: done('escalate', 'id', 'Moves a project to another workspace.'),
  projectTransferInitiate: done('escalate', 'input.projectId', 'Offers a project to somebody.'),
  projectTransferConfirm: done(
    'escalate',
    'input.projectId',
    'Takes over a project that was offered.',
  ),
  projectClaim: done('escalate', 'id', 'Moves a project to another workspace.'),
  projectFeatureFlagAdd: done(
    'escalate',
    'input.projectId',
    'Switches a feature on for a project.',
  ),
  projectFeatureFlagRemove: done(
    'delete',
    'input.projectId',
    'Switches a feature off for a project.',
  ),
  projectInvitationCreate: done('escalate', 'id', 'Invites somebody into a project.'),
  projectInviteUser: done('escalate', 'id', 'Invites somebody into a project.'),
  projectLeave: done('delete', 'id', 'Leaves a project, which is out of reach then.'),
  projectMemberAdd: done('escalate', 'input.projectId', 'Lets somebody into a project.'),
  projectMemberRemove: done('delete', 'input.projectId', 'Removes somebody from a project.'),
  projectMemberUpdate: done(
    'escalate',
    'input.projectId',
    'Changes what somebody may do in a project.',
  ),
  workspaceDelete: {
    effect: 'delete',
    summary: 'Deletes a workspace with every project in it.',
    on: [['workspace', 'id']],
    never: 'account',
  },
  userDelete: {
    effect: 'delete',
    summary: 'Deletes the account with every workspace that is its alone.',
    on: ACCOUNT,
    never: 'account',
  },
};
