import type { Chapter } from '../suite.ts'
import { acks } from './acks.ts'
import { auth } from './auth.ts'
import { connack } from './connack.ts'
import { connect } from './connect.ts'
import { data } from './data.ts'
import { delivery } from './delivery.ts'
import { farewell } from './farewell.ts'
import { properties } from './properties.ts'
import { publish } from './publish.ts'
import { regressions } from './regressions.ts'
import { shared } from './shared.ts'
import { subscribe } from './subscribe.ts'
import { topics } from './topics.ts'
import { will } from './will.ts'

/** All transcripts of MQTT 5, in the order of its chapters. */
export const chapters: readonly Chapter[] = [
  data,
  connect,
  will,
  connack,
  publish,
  properties,
  acks,
  subscribe,
  farewell,
  auth,
  delivery,
  topics,
  shared,
  regressions,
]
