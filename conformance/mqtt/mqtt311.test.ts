import { testAll } from './suite.ts'
import { chapters } from './v311/index.ts'

testAll('MQTT 3.1.1', chapters, 4)
