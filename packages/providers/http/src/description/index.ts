/** Descriptions for whoever checks one before it is signed. */
export { compile, DescriptionError } from './compile.ts';
export type { Compiled } from './compiled.ts';
export type { Imported, ImportOptions } from './draft.ts';
export { importGraphql } from './import-graphql.ts';
export { importOpenApi } from './import-openapi.ts';
export { type Finding, lint } from './lint.ts';
export { narrowestFirst } from './narrowest-first.ts';
export { proposeEffect } from './propose.ts';
export { Description, type Example, type OperationDescription } from './shape.ts';
export { type Tried, tryExamples } from './try.ts';
