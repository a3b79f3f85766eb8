/**
 * Makes `catalogs/stripe.json` from Stripe's SDK, npm's `stripe` (MIT), which is made from Stripe's own description:
 * methods, paths and the names of parameters are read out of it. Only /v1: the second version is not described here.
 *
 *   npm pack stripe && tar xzf stripe-*.tgz
 *   node build/stripe.ts package
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  importOpenApi,
  narrowestFirst,
  type OperationDescription,
} from '../src/description/index.ts';
import { type Sketched, sketch } from './sketch.ts';
import { write } from './write.ts';

const root = process.argv[2] ?? '';
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const resources = join(root, 'esm/resources');

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'V2' ? [] : sources(path);
    return entry.name.endsWith('.js') ? [path] : [];
  });
}

/** Members of each interface of parameters, by its name; those that it extends are added. */
function parametersIn(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const [, indent = '', name = '', above = '', inside = ''] of text.matchAll(
    /^( *)export interface (\w+Params)( extends PaginationParams)? \{\n([\s\S]*?)\n\1\}/gm,
  )) {
    const member = new RegExp(`^${indent} {4}'?(\\w+)'?\\??:`, 'gm');
    const own = [...inside.matchAll(member)].map(([, each = '']) => each);
    found.set(name, above === '' ? own : [...own, 'ending_before', 'limit', 'starting_after']);
  }
  return found;
}

const operations: Sketched[] = [];
for (const file of sources(resources)) {
  const text = readFileSync(file, 'utf8');
  const parameters = parametersIn(readFileSync(file.replace(/\.js$/, '.d.ts'), 'utf8'));
  const [, subject = ''] = /export class (\w+)Resource /.exec(text) ?? [];
  for (const [, verb = '', inside = ''] of text.matchAll(
    /\n {4}(\w+)\([^)]*\) \{([\s\S]*?)\n {4}\}/g,
  )) {
    const [, method = '', single, template] =
      /_makeRequest\('([A-Z]+)', (?:'([^']+)'|`([^`]+)`)/.exec(inside) ?? [];
    const path = (single ?? template ?? '').replace(/\$\{encodeURIComponent\((\w+)\)\}/g, '{$1}');
    if (!path.startsWith('/v1/') || /files\.stripe/.test(inside)) continue;
    const folder = file
      .slice(resources.length + 1)
      .split('/')
      .slice(0, -1);
    const wanted = `${subject}${verb.charAt(0).toUpperCase()}${verb.slice(1)}Params`;
    const names = parameters.get(wanted) ?? null;
    operations.push({
      ...{ method, path, form: true },
      name: [...folder, subject, verb].join('/'),
      query:
        method === 'POST' ? [] : (names ?? ['expand', 'limit', 'starting_after', 'ending_before']),
      body: method === 'POST' ? names : [],
    });
  }
}
const once = [...new Map(operations.map((each) => [`${each.method} ${each.path}`, each])).values()];
once.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.method < b.method ? -1 : 1));

const { description } = importOpenApi(sketch('https://api.stripe.com', version, once), {
  name: 'stripe',
  base: null,
});

/** New things that nothing is charged by, and the members of theirs that only say something. */
const NEW = / \/v1\/(?:customers|products)$/;
const NOTES =
  /^(?:expand|metadata|description|name|email|phone|address|shipping|url|images|preferred_locales)$/;

/** Numbers of cards and of accounts, and what somebody proved who they are by, for whoever asks to expand them. */
const EXPANDED =
  /^(?:Issuing\/Card|Treasury\/FinancialAccount|Identity\/Verification(?:Report|Session))\/(?:retrieve|list)$/;

const expanded = (name: string): NonNullable<OperationDescription['when']> => [
  {
    name: `${name}.expand`,
    effect: 'reveal',
    summary: 'See the whole number of a card or an account, or what proves who somebody is.',
    at: '{query:expand}',
    present: true,
  },
];

const reviewed = description.operations.map((operation): OperationDescription => {
  const { name, request, effect, body } = operation;
  const place: OperationDescription['place'] = 'account';
  if (EXPANDED.test(name)) return { ...operation, when: expanded(name), place };
  if (effect !== 'write') return { ...operation, place };
  if (!NEW.test(request) || body === undefined || !('keys' in body) || body.keys === 'any') {
    const reason = 'it may move money, or change what was agreed';
    return { ...operation, effect: 'delete', reason, place };
  }
  const keys = body.keys.filter((key) => NOTES.test(key));
  return { ...operation, reason: 'nothing is charged by it', body: { ...body, keys }, place };
});

write({
  ...description,
  title: 'Stripe',
  source: `npm stripe ${version}, made from Stripe’s own description`,
  account: { ask: '/v1/account', id: '/id' },
  refused: [400, 402, 403, 404, 429],
  places: { account: { ask: '/v1/account', id: 'account/{answer:/id}' } },
  operations: narrowestFirst(reviewed),
  examples: [
    {
      request: 'GET /v1/customers?limit=3&created[gte]=1',
      answers: { '/v1/account': { id: 'acct_1' } },
      expect: { operations: ['Customer/list'], environment: ['account/acct_1'] },
    },
    {
      request: 'POST /v1/customers',
      body: 'name=Ada&metadata[plan]=x',
      answers: { '/v1/account': { id: 'acct_1' } },
      expect: { operations: ['Customer/create'], environment: ['account/acct_1'] },
    },
    {
      request: 'POST /v1/refunds',
      body: 'charge=ch_1',
      answers: { '/v1/account': { id: 'acct_1' } },
      expect: { operations: ['Refund/create'] },
    },
    {
      request: 'GET /v1/issuing/cards/ic_1?expand[]=number&expand[]=cvc',
      answers: { '/v1/account': { id: 'acct_1' } },
      expect: { operations: ['Issuing/Card/retrieve', 'Issuing/Card/retrieve.expand'] },
    },
    {
      request: 'DELETE /v1/customers/cus_1',
      answers: { '/v1/account': { id: 'acct_1' } },
      expect: { operations: ['Customer/del'], resources: ['customers/cus_1'] },
    },
    {
      request: 'POST /v1/refunds',
      body: 'charge=ch_1&charge=ch_2',
      expect: { refused: 'ambiguous_request' },
    },
    { request: 'POST /v2/core/accounts', expect: { refused: 'unknown_operation' } },
  ],
});
