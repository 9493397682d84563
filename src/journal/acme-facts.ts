import { flag, number, object, oneOf, text } from './shape.ts'

/** Facts about ACME. `account` is the id of an account and `name` what operators call it; times are in milliseconds since the epoch. */
export const acmeFactShapes = {
  'acme-account-changed': object(
    { actor: text, account: text, name: text, change: oneOf('added', 'bound', 'key-changed', 'deactivated', 'removed') },
    {},
  ),
  /** A look at a name: where it was proven, or why not. */
  'acme-name-proven': object(
    { account: text, name: text, identifier: text, method: oneOf('http-01', 'tls-alpn-01', 'dns-01'), proven: flag },
    { address: text, code: text },
  ),
  /** `identifiers` are separated by blanks. */
  'acme-issued': object({ account: text, name: text, identifiers: text, serial: text, notAfter: number, address: text }, {}),
} as const
