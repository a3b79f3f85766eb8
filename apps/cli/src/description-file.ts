/** Descriptions of APIs as files: read, and judged on this machine before anybody signs one. */
import { readFile } from 'node:fs/promises';
import { CountersignError, parseJsonText } from '@countersign/core';
import type { Compiled } from '@countersign/provider-http/description';
import { failed, usageFailure } from './failure.ts';
import { shellWord } from './text.ts';

/** The language of descriptions, which only some commands need. */
export const descriptions = () => import('@countersign/provider-http/description');

/** Any JSON file. @throws Failure */
export async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw usageFailure(`${file} cannot be read.`, 'a file with JSON');
  }
  try {
    return parseJsonText(text, file);
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error;
    throw usageFailure(error.message, 'a file with JSON');
  }
}

/** One that comes with this version. @throws Failure */
export async function compileShipped(name: string): Promise<Compiled> {
  const { readShipped, shippedNames } = await import('@countersign/provider-http/shipped');
  const { compile } = await descriptions();
  const document = readShipped(name);
  if (document !== undefined) return compile(document);
  throw failed(
    'not_found',
    `This version has no description of ${name}. It has: ${shippedNames().join(', ')}.`,
    `countersign catalog adopt ${shellWord(name)} --file FILE`,
  );
}

/** @throws Failure with the first thing that is wrong with it */
export async function compileFile(file: string): Promise<Compiled> {
  const document = await readJson(file);
  const { compile, DescriptionError } = await descriptions();
  try {
    return compile(document);
  } catch (error) {
    if (!(error instanceof DescriptionError)) throw error;
    throw failed(
      'invalid_request',
      `${file} is no description of an API. ${firstOf(error.problems)}`,
      `countersign catalog lint ${shellWord(file)}`,
    );
  }
}

/** The first thing that is wrong, as a sentence, and how many there are besides. */
export function firstOf([first = '', ...more]: readonly string[]): string {
  const rest = more.length === 0 ? '' : ` And ${more.length} more.`;
  return `${first.replace(/\.?$/, '.')}${rest}`;
}
