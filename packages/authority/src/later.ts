/** Of what statements can say and this version cannot do: refused, never passed over. */
export const LATER = 'is not available in this version of Countersign';
