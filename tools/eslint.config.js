import { readFileSync } from 'node:fs';
import tseslint from 'typescript-eslint';
import commentedCatch from './eslint-commented-catch.js';

/** Files that may exceed a limit, with the reason: see CONTRIBUTING.md. */
const budget = JSON.parse(readFileSync(new URL('size-budget.json', import.meta.url), 'utf8'));

// Blank lines and comments are free: a limit must not be met by leaving out the explanation.
const countCode = { skipBlankLines: true, skipComments: true };

/** Limits on what a reader has to hold in mind at once. */
function sizeRules({ maxLines = 250, maxLinesPerFunction = 40, complexity = 10, maxParams = 3 }) {
  return {
    complexity: ['error', complexity],
    'max-depth': ['error', 4],
    'max-lines': ['error', { max: maxLines, ...countCode }],
    'max-lines-per-function': ['error', { max: maxLinesPerFunction, ...countCode }],
    'max-params': ['error', maxParams],
  };
}

/** Time, chance and the environment come in as parameters; these are the ways around that. */
const ambient = {
  globals: ['setTimeout', 'setInterval'].map((name) => ({
    name,
    message: 'Take a Clock, or wake the loop: code that sets timers cannot be tested with a clock held still.',
  })),
  properties: [
    { object: 'Date', property: 'now', message: 'Take a Clock.' },
    { object: 'performance', property: 'now', message: 'Take a Clock.' },
    { object: 'Math', property: 'random', message: 'Take a Random.' },
    { object: 'process', property: 'env', message: 'Take the environment as a parameter.' },
    { object: 'process', property: 'exit', message: 'Return or throw; only the entry points end the process.' },
  ],
  imports: [
    { name: 'node:timers', message: 'Take a Clock.' },
    { name: 'node:timers/promises', importNames: ['setTimeout', 'setInterval', 'scheduler'], message: 'Take a Clock.' },
    { name: 'node:process', message: 'Take what you need of the process as a parameter.' },
    { name: 'node:crypto', importNames: ['randomBytes', 'randomInt', 'randomUUID'], message: 'Take a Random.' },
  ],
};

const dateWithoutArguments = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: 'Take a Clock.',
};

/** Production code never asks whether the cloud is the fake one: it is chosen where the program is put together. */
const asksForFake = {
  selector:
    ':matches(IfStatement, ConditionalExpression) > :matches(Identifier, MemberExpression > Identifier)[name=/fake/i].test',
  message: 'No part of the program knows that a cloud is the fake one.',
};

const focused = ['it', 'test', 'describe'].flatMap((object) =>
  ['only', 'skip', 'todo', 'skipIf', 'runIf', 'fails'].map((property) => ({
    object,
    property,
    message: 'Every test runs, always.',
  })),
);

const exceptions = Object.entries(budget).map(([file, { limits }]) => ({ files: [file], rules: sizeRules(limits) }));

export default [
  { ignores: ['dist/', 'coverage/', 'test/fixtures/', 'test/**/fixtures/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  ...tseslint.configs.recommendedTypeChecked.map((part) => ({ ...part, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: new URL('..', import.meta.url).pathname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // An async function without await turns a throw into a rejection, which is what its interface promises.
      '@typescript-eslint/require-await': 'off',
      // Interfaces are written with methods and implemented by factories, whose functions need no `this`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.{ts,js,mjs}', 'bin/*'],
    plugins: { nodepool: { rules: { 'commented-catch': commentedCatch } } },
    rules: {
      ...sizeRules({}),
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-empty': 'error',
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-useless-rename': 'error',
      'no-var': 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'nodepool/commented-catch': 'error',
    },
  },
  {
    files: ['src/**/*.ts', 'migrations/**/*.ts'],
    ignores: ['src/lib/**', 'src/process/**', 'src/main.ts', 'src/cli/main.ts'],
    rules: {
      'no-restricted-globals': ['error', ...ambient.globals],
      'no-restricted-properties': ['error', ...ambient.properties],
      'no-restricted-imports': ['error', { paths: ambient.imports }],
      'no-restricted-syntax': ['error', dateWithoutArguments],
    },
  },
  {
    files: ['src/{actions,daemon,planning,lifecycle,store,remote}/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', dateWithoutArguments, asksForFake] },
  },
  {
    // The deciding parts are pure: no I/O module, and of the parts that do I/O only the types.
    files: ['src/{planning,lifecycle}/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^(node:|knex|mysql2|pino|hot-shots|@photostructure)', message: 'Planning does no I/O.' },
            {
              regex: '/(store|remote|metrics|providers|process)/',
              allowTypeImports: true,
              message: 'Planning does no I/O: import types only.',
            },
          ],
        },
      ],
    },
  },
  {
    // The entry points speak before there is a log.
    files: ['bin/*'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts', 'tools/**/*'],
    rules: {
      ...sizeRules({ maxLines: 500, maxLinesPerFunction: 300, complexity: 15, maxParams: 5 }),
      'no-console': 'off',
      'no-restricted-properties': ['error', ...focused],
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  ...exceptions,
];
