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
/** A denial of the journal explained; `decision` is null when it is not among the records that were looked at. */
export type ExplainedDenial = Schemas['ExplainedDenial']
/** What a device was denied, by action and topic. */
export type Denials = Schemas['Denials']
/** Denials of the same thing. */
export type DenialGroup = Schemas['DenialGroup']
/** Every policy document. */
export type PolicyList = Schemas['PolicyList']
/** A policy document without its text. */
export type PolicyRow = Schemas['PolicyRow']
/** A policy document with its text. */
export type PolicyDetail = Schemas['PolicyDetail']
/** Documents to apply, or the name of one to take out. */
export type PolicyChange = Schemas['PolicyChange']
/** What a change would do. */
export type PolicyPlan = Schemas['PolicyPlan']
/** What a change would do to one session. */
export type PlannedEffect = Schemas['PlannedEffect']
/** How the tests of policies came out. */
export type PolicyTestResults = Schemas['PolicyTestResults']
/** How one test came out. */
export type PolicyTestResult = Schemas['PolicyTestResult']
/** The receipt of a change of policy. */
export type AppliedPolicy = Schemas['AppliedPolicy']
/** Changes of the past. */
export type PolicyVersions = Schemas['PolicyVersions']
/** Smaller documents without what nobody used. */
export type ShrinkProposal = Schemas['ShrinkProposal']
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
/** A twin: tags, desired and reported properties. */
export type Twin = Schemas['Twin']
/** What is to change of a twin: null deletes. */
export type TwinPatch = Schemas['TwinPatch']
/** One change of a twin. */
export type TwinChange = Schemas['TwinChange']
/** Changes of a twin, newest first. */
export type TwinHistory = Schemas['TwinHistory']
/** A direct method to be called. */
export type MethodCall = Schemas['MethodCall']
/** What a device answered. */
export type MethodAnswer = Schemas['MethodAnswer']
/** A message to be. */
export type MessageInput = Schemas['MessageInput']
/** A message that waits. */
export type QueuedMessage = Schemas['QueuedMessage']
/** What waits for a device. */
export type MessageQueue = Schemas['MessageQueue']
/** A module of a device. */
export type Module = Schemas['Module']
/** The modules of a device. */
export type Modules = Schemas['Modules']
/** A module to be. */
export type ModuleInput = Schemas['ModuleInput']
/** A module just added. */
export type AddedModule = Schemas['AddedModule']
/** A file that a device has uploaded. */
export type StoredFile = Schemas['StoredFile']
/** A page of files. */
export type FilePage = Schemas['FilePage']
/** A page of a query's answer. */
export type QueryPage = Schemas['QueryPage']
/** Work over many devices. */
export type Job = Schemas['Job']
/** A state of a job. */
export type JobStatus = Job['status']
/** A job to be. */
export type JobInput = Schemas['JobInput']
/** A page of jobs. */
export type JobPage = Schemas['JobPage']
/** What a job did to one device. */
export type DeviceJob = Schemas['DeviceJob']
/** A state of one device in a job. */
export type DeviceJobStatus = DeviceJob['status']
/** A page of what a job did. */
export type DeviceJobPage = Schemas['DeviceJobPage']
/** A configuration with what its last evaluation counted. */
export type Configuration = Schemas['Configuration']
/** Every configuration. */
export type Configurations = Schemas['Configurations']
/** A configuration to be. */
export type ConfigurationInput = Schemas['ConfigurationInput']
/** What may be changed of one. */
export type ConfigurationPatch = Schemas['ConfigurationPatch']
/** What is wrong with queries that were tried, and whom they find. */
export type ConfigurationTested = Schemas['ConfigurationTested']
/** Whom a configuration is for. */
export type ConfigurationTargetPage = Schemas['ConfigurationTargetPage']
/** The routes in force. */
export type RouteSet = Schemas['RouteSet']
/** Which events go to an endpoint. */
export type EventRoute = Schemas['EventRoute']
/** Where an event comes from. */
export type EventSource = EventRoute['source']
/** A route to be. */
export type RouteInput = Schemas['EventRouteInput']
/** Where events go, and how it does. */
export type EventEndpoint = Schemas['EventEndpoint']
/** Every endpoint that was made. */
export type EventEndpoints = Schemas['Endpoints']
/** An endpoint to be. */
export type EndpointInput = Schemas['EndpointInput']
/** An event that an endpoint would not take. */
export type DeadLetter = Schemas['DeadLetter']
/** A page of dead letters. */
export type DeadLetters = Schemas['DeadLetters']
/** A dead letter with its event. */
export type OpenedDeadLetter = Schemas['OpenedDeadLetter']
/** A message to try routes with. */
export type RouteTest = Schemas['RouteTest']
/** How a message fares. */
export type RouteTested = Schemas['RouteTested']
