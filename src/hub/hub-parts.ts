/** Configurations that are applied to the devices they target. */
export type Configurations = Readonly<Record<never, never>>
