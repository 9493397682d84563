import type { summary } from './clients.ts'

/** What bench/fleet.ts tells its devices to do. Times are milliseconds of the epoch. */
export type Order =
  | { readonly kind: 'report-once'; readonly atOnce: number }
  /** `window`: reports of one device that are not answered yet. */
  | { readonly kind: 'burst'; readonly devices: number; readonly window: number; readonly seconds: number; readonly warmup: number }
  /** Forget earlier waves, and note when desired property `wave` of this value comes. */
  | { readonly kind: 'expect'; readonly wave: number }
  | { readonly kind: 'await'; readonly since: number }
  | { readonly kind: 'methods' }
  /** Connections end from now on, and that is as it should be. */
  | { readonly kind: 'expect-end' }
  /** Wait until so many have ended in all. */
  | { readonly kind: 'ended'; readonly count: number; readonly since: number }

type Spread = ReturnType<typeof summary>
type Refusals = { readonly refused: number; readonly firstRefusal: string }

/** What the devices say, one for each order, and `ready` at the beginning. */
export type Told =
  | { readonly kind: 'ready'; readonly connected: number }
  | ({ readonly kind: 'reported'; readonly answered: number; readonly seconds: number } & Refusals)
  | ({
      readonly kind: 'burst'
      readonly answered: number
      readonly seconds: number
      readonly sent: number
      readonly latencyMs: Spread
    } & Refusals)
  | { readonly kind: 'expecting' }
  | { readonly kind: 'wave'; readonly received: number; readonly latencyMs: Spread; readonly lastMs: number }
  | { readonly kind: 'methods'; readonly called: number }
  | { readonly kind: 'expecting-end' }
  /** `lastMs`: from `since` until the last of them saw its connection end. */
  | { readonly kind: 'ended'; readonly count: number; readonly lastMs: number }
