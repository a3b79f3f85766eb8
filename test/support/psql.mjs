#!/usr/bin/env node
// Stands in for psql where it is not installed: `[URL] [-d NAME] -c SQL` by the pg client, same words.
import pg from 'pg';

const args = process.argv.slice(2);
const options = { ssl: false };
let sql = '';
for (let i = 0; i < args.length; i += 1) {
  if (args[i] === '-c') sql = args[++i];
  else if (args[i] === '-d') options.database = args[++i];
  else options.connectionString = args[i];
}
const client = new pg.Client(options);
client.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
});
try {
  await client.connect();
} catch (error) {
  process.stderr.write(`FATAL:  ${error.message}\n`);
  process.exit(2);
}
try {
  const result = await client.query(sql);
  if (result.command === 'SELECT') {
    for (const row of result.rows) process.stdout.write(`    ${Object.values(row).join(' | ')}\n`);
  } else process.stdout.write(`${result.command} ${result.rowCount ?? ''}\n`);
  await client.end();
} catch (error) {
  process.stderr.write(`ERROR:  ${error.message}\n`);
  process.exit(1);
}
