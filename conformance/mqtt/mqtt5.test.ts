import { testAll } from './suite.ts'
import { chapters } from './v5/index.ts'

testAll('MQTT 5', Object.values(chapters), 5)
