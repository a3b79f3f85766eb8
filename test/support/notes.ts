/** A small API that no code knows: notes in books, each book an environment. */
export const NOTES = {
  version: 1,
  name: 'notes',
  title: 'Notes',
  base: 'https://notes.example',
  credential: { header: 'x-notes-key' },
  places: { note: { ask: '/notes/{note}', id: 'book/{answer:/book}' } },
  operations: [
    {
      name: 'notes/edit',
      request: 'PATCH /notes/{note:integer}',
      effect: 'write',
      summary: 'Edit a note.',
      resource: 'note/{note}',
      place: 'note',
      body: { type: 'json', keys: ['text', 'hidden'] },
      when: [
        {
          name: 'notes/edit.hide',
          effect: 'delete',
          summary: 'Hide a note for good.',
          at: '{body:/hidden}',
          unless: [false],
        },
      ],
    },
    {
      name: 'notes/delete',
      request: 'DELETE /notes/{note:integer}',
      effect: 'delete',
      summary: 'Delete a note.',
      resource: 'note/{note}',
      place: 'note',
    },
  ],
  examples: [
    {
      request: 'DELETE /notes/1',
      answers: { '/notes/1': { book: 'staging' } },
      expect: {
        operations: ['notes/delete'],
        resources: ['note/1'],
        environment: ['book/staging'],
      },
    },
    {
      request: 'PATCH /notes/1',
      body: { hidden: 1 },
      answers: { '/notes/1': { book: 'staging' } },
      expect: { operations: ['notes/edit', 'notes/edit.hide'] },
    },
    { request: 'PURGE /notes/1', expect: { refused: 'unknown_operation' } },
  ],
};
