export { type Control, controlServerLimits, openControl } from './control.io.ts'
export type { Connection, ControlConfig, ControlPorts, DeviceDoor, DoorCounters, ListenerState } from './ports.ts'
