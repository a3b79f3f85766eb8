/** The version of this Countersign, the same in the server, the command line and the OpenAPI document. */
export const VERSION = '0.1.0';
