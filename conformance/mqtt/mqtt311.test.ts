import { testAll } from './suite.ts'
import { connect } from './v311/connect.ts'
import { packets } from './v311/packets.ts'
import { publish } from './v311/publish.ts'
import { session } from './v311/session.ts'
import { subscribe } from './v311/subscribe.ts'
import { topics } from './v311/topics.ts'
import { will } from './v311/will.ts'

testAll('MQTT 3.1.1', [packets, connect, will, publish, subscribe, session, topics], 4)
