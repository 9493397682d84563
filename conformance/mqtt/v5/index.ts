import type { Chapter } from '../suite.ts'
import { acks } from './acks.ts'
import { auth } from './auth.ts'
import { connack } from './connack.ts'
import { connect } from './connect.ts'
import { data } from './data.ts'
import { delivery } from './delivery.ts'
import { farewell } from './farewell.ts'
import { features } from './features.ts'
import { properties } from './properties.ts'
import { publish } from './publish.ts'
import { regressions } from './regressions.ts'
import { shared } from './shared.ts'
import { subscribe } from './subscribe.ts'
import { tokens } from './tokens.ts'
import { topics } from './topics.ts'
import { will } from './will.ts'

/** All transcripts of MQTT 5 under the path of their file, in the order of the specification. */
export const chapters: Readonly<Record<string, Chapter>> = {
  'v5/data.ts': data,
  'v5/connect.ts': connect,
  'v5/will.ts': will,
  'v5/connack.ts': connack,
  'v5/publish.ts': publish,
  'v5/properties.ts': properties,
  'v5/acks.ts': acks,
  'v5/subscribe.ts': subscribe,
  'v5/farewell.ts': farewell,
  'v5/auth.ts': auth,
  'v5/tokens.ts': tokens,
  'v5/delivery.ts': delivery,
  'v5/topics.ts': topics,
  'v5/shared.ts': shared,
  'v5/features.ts': features,
  'v5/regressions.ts': regressions,
}
