/** Whether a text can be a guardrail here: by the schema, and by trying it out once. */
import type { Cedar } from './cedar.ts';
import { type GuardedRight, requestOf } from './guardrail-request.ts';
import { type Complaint, complaintsOf, takeApart, unseenIn } from './guardrail-text.ts';

/** Of a text that brought the engine down. */
export const TOO_DEEP: Complaint = {
  line: null,
  column: null,
  text: 'It could not be read to its end. Nest less, and split it into several policies.',
};

/** May throw as `takeApart` does. */
export function checkText(cedar: Cedar, text: string, schema: string): readonly Complaint[] {
  const unseen = unseenIn(text);
  if (unseen !== null) return [unseen];
  const apart = takeApart(cedar, text);
  if (!apart.ok) return apart.complaints;
  const answer = cedar.validate({
    schema,
    policies: { staticPolicies: text },
    validationSettings: { mode: 'strict' },
  });
  if (answer.type === 'failure') return complaintsOf(text, answer.errors);
  const errors = answer.validationErrors.map(({ error }) => error);
  if (errors.length > 0) return complaintsOf(text, errors);
  // A policy that forbids nothing ever, or holds letters that look like others, protects nobody.
  const warnings = [
    ...answer.validationWarnings.map(({ error }) => error),
    ...answer.otherWarnings,
  ];
  if (warnings.length > 0) return complaintsOf(text, warnings);
  // What cannot be evaluated at all is found now, and not by the next agent.
  const staticPolicies = Object.fromEntries(
    apart.policies.map((each, place) => [place, each.text]),
  );
  cedar.preparsePolicySet('checked', { staticPolicies });
  cedar.statefulIsAuthorized({ ...requestOf(SAMPLE), preparsedPolicySetId: 'checked' });
  return [];
}

/** A right that could be, for trying out a text. */
const SAMPLE: GuardedRight = {
  agent: { name: 'sample', auth: { method: 'private_key_jwt', jwks: { keys: [] } } },
  connection: { name: 'sample', provider: 'sample' },
  environment: { name: 'sample', class: 'production' },
  right: { operation: 'sample:sample', resource: 'a(b)', grant: '', effect: 'escalate' },
  whole: 'a',
  providerIds: ['sample'],
  grant: {
    id: '',
    body: {
      agent: '',
      connection: '',
      environment: '',
      permissions: [],
      ttl: 1,
      valid_for: 1,
      max_uses: 1,
      pins: null,
      sender: null,
      sql: null,
      assessment: null,
      request: null,
      reason: 'OPS-1',
    },
  },
  uses: 0,
  senderBound: true,
  rights: 1,
  at: 0,
};
