import { testAll } from './suite.ts'
import { auth } from './v5/auth.ts'
import { topics } from './v5/topics.ts'

testAll('MQTT 5', [topics, auth], 5)
