/**
 * Variables that choose what runs: a builder, a shell, a dynamic loader or a runtime obeys them before any code of
 * the service does. Whoever sets one runs code, whatever the field is called (Law 3).
 */
import { isVariableName } from './resource.ts';

/** Railway's builders, and whatever Railway itself reads. */
const RAILWAY = ['NIXPACKS', 'RAILPACK', 'RAILWAY'];

/** Tools that read many variables, of which some name code, its origin, or a file that does. */
const TOOLS = [
  'BUNDLE',
  'CARGO',
  'COMPLUS',
  'CORECLR',
  'COREPACK',
  'DOTNET',
  'DYLD',
  'ERL',
  'GEM',
  'GIT',
  'GRADLE',
  'JDK',
  'LD',
  'LUA',
  'MAVEN',
  'MIX',
  'NPM_CONFIG',
  'PIP',
  'PNPM',
  'POETRY',
  'RUSTC',
  'UV',
  'UWSGI',
  'YARN',
];

const NAMES: ReadonlySet<string> = new Set([
  'BASHOPTS',
  'BASH_ENV',
  'BROWSER',
  'CC',
  'CLASSPATH',
  'CXX',
  'DJANGO_SETTINGS_MODULE',
  'DOCKERFILE_PATH',
  'EDITOR',
  'ELIXIR_ERL_OPTIONS',
  'ENV',
  'FLASK_APP',
  'GCONV_PATH',
  'GLIBC_TUNABLES',
  'GOFLAGS',
  'GOPROXY',
  'GOTOOLCHAIN',
  'GUNICORN_CMD_ARGS',
  'HOME',
  'IFS',
  'JAVA_HOME',
  'NODE_PATH',
  'NODE_REPL_EXTERNAL_MODULE',
  'OPENSSL_CONF',
  'OPENSSL_ENGINES',
  'OPENSSL_MODULES',
  'PAGER',
  'PATH',
  'PHPRC',
  'PHP_INI_SCAN_DIR',
  'PROMPT_COMMAND',
  'PS4',
  'R_PROFILE',
  'SHELL',
  'SHELLOPTS',
  'VISUAL',
  'XDG_CONFIG_HOME',
  'ZDOTDIR',
]);

const CODE = new RegExp(
  [
    `^(?:${[...RAILWAY, ...TOOLS].join('|')})_`,
    '^(?:BASH_FUNC_|PERL|PYTHON|RUBY)',
    // NODE_OPTIONS, JAVA_TOOL_OPTIONS, _JAVA_OPTIONS, CATALINA_OPTS, …
    '(?:OPTIONS|OPTS)$',
  ].join('|'),
);

/** In either case: some of those who read them (npm) heed none. A name with a second reading counts too. */
export function choosesCode(name: string): boolean {
  const upper = name.toUpperCase();
  return !isVariableName(name) || NAMES.has(upper) || CODE.test(upper);
}
