/**
 * What is above every project: the person behind the account, workspaces and their members, money, domains, and
 * what Railway keeps for itself. Each field has its class; none is forwarded, but for what shows no environment.
 */
import { neverForwarded, onAccount, type Row, type Rows } from './row.ts';

/** What is read of a workspace itself. */
function ofWorkspace(summary: string): Row {
  return { effect: 'read', summary, on: [['workspace', 'workspaceId']] };
}

export const ACCOUNT_QUERIES: Rows = {
  ...neverForwarded('person', 'read', {
    passkeys: 'Lists how the person behind the account signs in.',
    preferences: 'Shows what mail the person behind the account is sent.',
    sessions: 'Lists where the person behind the account is signed in.',
    twoFactorInfo: 'Shows how the person behind the account signs in.',
    referralInfo: 'Shows what a workspace earned by referring others.',
  }),
  ...neverForwarded('account', 'read', {
    botScopeBindings: 'Lists which chats and bots speak for the account.',
    externalWorkspaces: 'Lists workspaces that the account reaches, and their projects.',
    myCloudAgents: 'Lists the account’s agents in every environment.',
    notificationDeliveries: 'Lists what the account was notified of.',
    notificationDelivery: 'Shows what the account was notified of.',
  }),
  ...neverForwarded('account', 'reveal', {
    integrationAuth: 'Shows what lets the account into another service.',
    integrationAuths: 'Lists what lets the account into other services.',
    inviteCode: 'Shows the project that a code lets anybody into, and the code.',
    projectInvitation: 'Shows what a code lets anybody into.',
    sshSignupInfo: 'Shows the key that a code would let in.',
    workspaceByCode: 'Shows the workspace that a code lets anybody into.',
  }),
  ...neverForwarded('workspace', 'reveal', {
    auditLog: 'Shows what was done in a workspace, with what was given to it.',
    auditLogs: 'Lists what was done in a workspace, with what was given to it.',
    notificationRules: 'Lists who is notified of what, and by which addresses.',
  }),
  ...neverForwarded('workspace', 'read', {
    agentUsage: 'Shows what the agents of a workspace cost.',
    projectServiceUsage: 'Shows what every service of a workspace used.',
  }),
  ...neverForwarded('staff', 'read', {
    adminVolumeInstancesForVolume: 'Lists where a volume is mounted.',
  }),
  ...neverForwarded('retired', 'read', {
    team: 'Shows a workspace.',
    teamTemplates: 'Lists templates of a workspace.',
    userKickbackEarnings: 'Shows what somebody earned.',
    userTemplates: 'Lists templates of the account.',
  }),
  ...onAccount('read', {
    changelogBlockImage: 'Shows an image of Railway’s changelog.',
    allPlatformFeatureFlags: 'Lists what Railway has switched on.',
    auditLogEventTypeInfo: 'Lists what audit logs can hold.',
    customDomainAvailable: 'Tells whether a domain is free.',
    functionRuntime: 'Shows what functions can run on.',
    functionRuntimes: 'Lists what functions can run on.',
    platformStatus: 'Shows whether Railway itself is well.',
    publicStats: 'Shows how much runs at Railway.',
    railwayDomain: 'Shows a domain that was bought at Railway.',
    regions: 'Lists where services can run.',
    resourceAccess: 'Tells what the plan of a workspace allows.',
    serviceDomainAvailable: 'Tells whether a domain of Railway’s is free.',
    signal: 'Shows a switch of the account or of a workspace.',
    signalChanges: 'Lists how a switch was changed.',
    signalEvaluate: 'Tells what a switch comes to.',
    signals: 'Lists the switches of the account or of a workspace.',
    sshPublicKeys: 'Lists the public keys that let somebody in.',
    userProfile: 'Shows what somebody shows of themselves to everybody.',
    workflowStatus: 'Tells whether something that takes long is done.',
  }),
  complianceAgreements: ofWorkspace('Shows which agreements a workspace has with Railway.'),
  railwayDomainByName: ofWorkspace('Shows a domain that was bought at Railway.'),
  railwayDomainDnsRecords: ofWorkspace('Lists what a domain that was bought at Railway says.'),
  railwayDomains: ofWorkspace('Lists domains that were bought at Railway.'),
  trustedDomains: ofWorkspace('Lists whose addresses may join a workspace.'),
  workspaceIdentityProviders: ofWorkspace('Lists how the members of a workspace sign in.'),
  workspacePolicy: ofWorkspace('Shows what a workspace forbids its members.'),
  workspacePolicySelectableDeploySources: ofWorkspace('Lists from where a workspace may deploy.'),
};

export const ACCOUNT_MUTATIONS: Rows = {
  ...neverForwarded('person', 'escalate', {
    emailChangeConfirm: 'Gives the account another address.',
    emailChangeInitiate: 'Begins to give the account another address.',
    fairUseAgree: 'Agrees to Railway’s terms.',
    loginSessionAuth: 'Signs somebody in as the account.',
    loginSessionConsume: 'Takes the token of a sign-in, and shows it.',
    loginSessionCreate: 'Begins a sign-in, and shows its code.',
    loginSessionVerify: 'Confirms a sign-in.',
    preferencesUpdate: 'Changes what mail the account is sent.',
    recoveryCodeGenerate: 'Makes codes that sign in without a second factor, and shows them.',
    recoveryCodeValidate: 'Signs in with a code in the place of a second factor.',
    twoFactorInfoCreate: 'Sets the second factor of the account, and shows its codes.',
    twoFactorInfoSecret: 'Makes the secret of a second factor, and shows it.',
    twoFactorInfoValidate: 'Signs in with a second factor.',
    userBetaLeave: 'Takes the account out of a trial of new features.',
    userFlagsSet: 'Switches features on for the account.',
    userProfileUpdate: 'Changes what the account shows to everybody.',
    userTermsUpdate: 'Agrees to Railway’s terms.',
  }),
  ...neverForwarded('person', 'delete', {
    loginSessionCancel: 'Ends a sign-in before it is done.',
    passkeyDelete: 'Ends a passkey of the account.',
    sessionDelete: 'Signs the account out somewhere.',
    twoFactorInfoDelete: 'Removes the second factor of the account.',
    userDiscordDisconnect: 'Takes a chat from the account.',
    userFlagsRemove: 'Switches features off for the account.',
  }),
  ...neverForwarded('person', 'write', {
    jobApplicationCreate: 'Applies for a job at Railway.',
  }),
  ...neverForwarded('account', 'escalate', {
    customerCreateFreePlanSubscription: 'Changes what is paid for.',
    customerTogglePayoutsToCredits: 'Changes how earnings are paid out.',
    featureFlagAdd: 'Switches a feature on for the account.',
    inviteCodeUse: 'Joins a project.',
    projectInvitationAccept: 'Joins a project.',
    projectInvitationResend: 'Sends a way into a project once more.',
    referralInfoUpdate: 'Changes a code by which others are referred.',
    workspaceInviteCodeUse: 'Joins a workspace.',
  }),
  ...neverForwarded('account', 'delete', {
    botScopeBindingRemove: 'Ends that a chat or bot speaks for the account.',
    featureFlagRemove: 'Switches a feature off for the account.',
    projectInvitationDelete: 'Takes an invitation back.',
    providerAuthRemove: 'Ends what lets the account into another service.',
    usageLimitRemove: 'Ends the limit of what may be spent.',
    usageLimitSet: 'Sets what may be spent; services stop at the limit.',
  }),
  ...neverForwarded('account', 'write', {
    notificationDeliveriesMarkAsRead: 'Marks notifications as read.',
  }),
  ...neverForwarded('workspace', 'escalate', {
    railwayDomainDnsRecordCreate: 'Adds to what a domain that was bought at Railway says.',
    railwayDomainUpdate: 'Changes whether a domain that was bought at Railway is kept.',
    trustedDomainCreate: 'Lets everybody with an address of a domain join a workspace.',
    trustedDomainRetriggerVerification: 'Has it verified again that a domain is a workspace’s own.',
    trustedDomainUpdate: 'Changes what those may do who joined by their address.',
    upsertSlackChannel: 'Opens a chat with Railway for a workspace.',
    workspaceInviteCodeCreate: 'Makes and shows a code with which anybody joins a workspace.',
    workspacePermissionChange: 'Changes what somebody may do in a workspace.',
    workspacePolicyDeploySourceAllowlistAdd: 'Lets a workspace deploy from another source.',
    workspacePolicyItemUpdate: 'Changes what a workspace forbids its members.',
    workspaceTwoFactorEnforcementUpdate: 'Changes whether members need a second factor.',
    workspaceUpdate: 'Renames a workspace.',
    workspaceUpsertSlackChannel: 'Opens a chat with Railway for a workspace.',
    workspaceUserInvite: 'Invites somebody into a workspace.',
  }),
  ...neverForwarded('workspace', 'delete', {
    agentUsageLimitSet: 'Sets what agents may spend; they stop at the limit.',
    railwayDomainDnsRecordDelete: 'Removes from what a domain that was bought at Railway says.',
    railwayDomainDnsRecordUpdate: 'Changes what a domain that was bought at Railway says.',
    railwayDomainNameserversSet: 'Gives a domain into the hands of other nameservers.',
    trustedDomainDelete: 'Ends that an address lets join a workspace.',
    workspaceLeave: 'Leaves a workspace, whose projects are out of reach then.',
    workspacePolicyDeploySourceAllowlistRemove: 'Ends that a workspace deploys from a source.',
    workspaceUserRemove: 'Removes somebody from a workspace.',
  }),
  ...neverForwarded('workspace', 'reveal', {
    notificationRuleCreate: 'Sends what happens to whomever it names.',
    notificationRuleUpdate: 'Sends what happens to whomever it names.',
  }),
  ...neverForwarded('workspace', 'delete', {
    notificationRuleDelete: 'Ends that somebody is notified.',
  }),
  ...neverForwarded('account', 'write', {
    signalCreate: 'Makes a switch of the account or of a workspace.',
    signalDefaultSet: 'Changes what a switch comes to.',
    signalRuleSet: 'Changes what a switch comes to.',
    signalRuleUnset: 'Removes one rule of a switch.',
  }),
  ...neverForwarded('account', 'delete', {
    signalDelete: 'Deletes a switch.',
    signalReplace: 'Replaces a switch, and clears every rule of it.',
    signalRollback: 'Goes back to an earlier state of a switch.',
  }),
  // Sent along by clients of Railway's, and kept in no environment.
  ...onAccount('write', {
    cliAuthEventTrack: 'Tells Railway that its client was used.',
    cliEventTrack: 'Tells Railway that its client was used.',
    setupAgentEventTrack: 'Tells Railway that its client was set up.',
  }),
};
