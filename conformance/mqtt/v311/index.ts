import type { Chapter } from '../suite.ts'
import { connect } from './connect.ts'
import { packets } from './packets.ts'
import { publish } from './publish.ts'
import { session } from './session.ts'
import { subscribe } from './subscribe.ts'
import { topics } from './topics.ts'
import { will } from './will.ts'

/** Every transcript of MQTT 3.1.1. */
export const chapters: readonly Chapter[] = [packets, connect, will, publish, subscribe, session, topics]
