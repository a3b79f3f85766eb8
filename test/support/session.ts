/** A session at the target with what an exchange handed out, by a real client. */
import pg from 'pg';

interface Revealing {
  reveal(): Readonly<Record<string, string | number | boolean>>;
}

export async function openSession(credential: Revealing): Promise<pg.Client> {
  const { host, port, database, username, password } = credential.reveal();
  const client = new pg.Client({
    host: String(host),
    port: Number(port),
    database: String(database),
    user: String(username),
    password: String(password),
  });
  // A session that is cut says so to whoever asks next; nobody waits for the event.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
