import { amqpKind } from './endpoints/amqp.io.ts'
import { azureBlobKind } from './endpoints/azure-blob.io.ts'
import { fileKind } from './endpoints/file.io.ts'
import { kafkaKind } from './endpoints/kafka.io.ts'
import { mqttKind } from './endpoints/mqtt.io.ts'
import { natsKind } from './endpoints/nats.io.ts'
import { postgresqlKind } from './endpoints/postgresql.io.ts'
import { s3Kind } from './endpoints/s3.io.ts'
import { webhookKind } from './endpoints/webhook.io.ts'
import { type AnyKind, anyKind } from './kinds.ts'

/** Every kind of endpoint, the built-in one apart. What a kind needs is loaded when its first endpoint opens. */
export const endpointKinds: readonly AnyKind[] = [
  anyKind(fileKind),
  anyKind(webhookKind),
  anyKind(mqttKind),
  anyKind(postgresqlKind),
  anyKind(natsKind),
  anyKind(azureBlobKind),
  anyKind(s3Kind),
  anyKind(amqpKind),
  anyKind(kafkaKind),
]
