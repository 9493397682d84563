/** Every bound that protects us from a peer, with its unit in the name. Settings may lower or raise those marked so. */
export const limits = {
  /** Largest MQTT packet we take: 256 KiB payload and 32 KiB topic (IoT Hub). Setting. */
  mqttPacketBytes: 288 * 1024,
  /** Largest CONNECT, and so the most that a peer can make us hold before it has proven who it is. */
  mqttConnectBytes: 8 * 1024,
  /** Levels in a topic name or filter. */
  topicLevels: 32,
  /** Filters that one session may hold. */
  subscriptionsPerSession: 100,
  /** User properties in one MQTT 5 packet, and their bytes together. */
  userProperties: 64,
  userPropertyBytes: 16 * 1024,
  /** Unacknowledged QoS 1 publishes that we take from one client at a time (MQTT 5 Receive Maximum). */
  receiveMaximum: 256,
  /** Time from the accepted socket to a complete TLS handshake, and from there to a CONNECT. */
  handshakeMs: 10_000,
  connectMs: 30_000,
  /** Longest keep alive that we serve; 0 or more is treated as this (IoT Hub). */
  keepAliveSeconds: 1177,
  /** Sockets that have not proven who they are, in all and per source address. */
  unauthenticatedSockets: 4_096,
  unauthenticatedSocketsPerAddress: 1_024,
  /** Bytes that may wait for one client before it is paused or dropped. */
  clientQueueBytes: 1024 * 1024,
  clientQueueMessages: 1_000,
  /** Bytes that the journal may hold in memory before sockets are paused. */
  journalPendingBytes: 16 * 1024 * 1024,
  /** JSON from outside. */
  jsonBytes: 1024 * 1024,
  jsonDepth: 16,
  /** HTTP. */
  httpHeaderBytes: 16 * 1024,
  httpBodyBytes: 4 * 1024 * 1024,
  /** Devices made by one request. */
  devicesPerRequest: 10_000,
} as const
