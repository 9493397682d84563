import { testAll } from './suite.ts'
import { connect } from './v5/connect.ts'

testAll('MQTT 5', [connect], 5)
