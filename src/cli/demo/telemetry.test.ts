import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reading } from './telemetry.ts'

test('telemetry is JSON of plausible numbers, the same for the same moment, different between devices', () => {
  for (let index = 0; index < 20; index++)
    for (let second = 0; second < 400; second += 7) {
      const body: unknown = JSON.parse(reading(index, second).body)
      const { temperature, pressure, vibration }: { temperature?: number; pressure?: number; vibration?: number } = Object(body)
      assert.ok(temperature !== undefined && temperature > 30 && temperature < 55, `temperature ${temperature}`)
      assert.ok(pressure !== undefined && pressure > 5 && pressure < 7.5, `pressure ${pressure}`)
      assert.ok(vibration !== undefined && vibration > 1 && vibration < 2.5, `vibration ${vibration}`)
    }
  assert.deepEqual(reading(3, 12.5), reading(3, 12.5))
  assert.notDeepEqual(reading(3, 12.5), reading(4, 12.5))
})

test('a hot device says so in a property, sooner or later', () => {
  const alerts = new Set(Array.from({ length: 200 }, (_, second) => reading(0, second).properties['alert']))
  assert.ok(alerts.has('hot') && alerts.has(undefined))
})
