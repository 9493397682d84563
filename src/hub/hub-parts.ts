/** Configurations that are applied to the devices they target. */
export type Configurations = Readonly<Record<never, never>>

/** Modules of devices. */
export type ModuleRegistry = Readonly<Record<never, never>>
