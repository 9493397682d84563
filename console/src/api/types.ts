import type { components } from './schema.d.ts'

/*
 * Short names for the shapes of docs/openapi.json. Nothing is declared here twice: what the hub says changes in one place.
 */

type Schemas = components['schemas']

/** Milliseconds since 1970, or RFC 3339 text as the API gives it. */
export type Moment = number | string

/** A device as the registry knows it. */
export type Device = Schemas['Device']
/** A row of the device list. */
export type DeviceRow = Schemas['DeviceRow']
/** One page of the device list; `next` is the cursor of the following page. */
export type DevicePage = Schemas['DevicePage']
/** What a device page shows. */
export type DeviceDetail = Schemas['DeviceDetail']
/** A live connection of a device. */
export type Connection = Schemas['Connection']
/** A certificate that was issued to a device. */
export type Certificate = Schemas['Certificate']
/** What became of the live sessions that a change had to end. */
export type CloseReceipt = Schemas['CloseReceipt']
/** Where a device connects. */
export type Endpoint = Schemas['Endpoint']
/** What to add. */
export type DeviceInput = Schemas['DeviceInput']
/** A device just added. The private key exists only in this answer. */
export type AddedDevice = Schemas['AddedDevice']
/** Many devices at once: a counted series or a CSV. */
export type BulkInput = Schemas['BulkInput']
/** The hub at a glance. */
export type HubState = Schemas['HubState']
/** One second of the hub's life. */
export type Sample = Schemas['Sample']
/** A record of the journal: `kind` says which other fields there are. */
export type Fact = Schemas['Fact'] & { readonly device?: string }
/** A stretch of a device's history, newest first. */
export type Timeline = Schemas['Timeline']
/** An answer of the decision engine. */
export type Decision = Schemas['Decision']
/** One control with its verdict. */
export type Control = Schemas['ControlReport']
/** What a check concluded. */
export type Verdict = Control['verdict']
/** What a check found on one subject. */
export type Finding = Schemas['Finding']
/** What a collector saw. */
export type Evidence = Schemas['Evidence']
/** One run of the checks; `ranAt` is null before the first. */
export type CheckReport = Schemas['CheckReport']
/** A line of the audit log. */
export type AuditRecord = Schemas['AuditRecord']
/** A page of the audit log and whether the whole chain verified. */
export type AuditPage = Schemas['AuditPage']
/** Who is signed in. */
export type Me = Schemas['Me']
