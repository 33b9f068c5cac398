// The protocol's own suite for servers, against the server at EVERSTREAM_URL.

import { runConformanceTests } from '@durable-streams/server-conformance-tests'

runConformanceTests({
  baseUrl: process.env.EVERSTREAM_URL,
  longPollTimeoutMs: Number(process.env.LONG_POLL_TIMEOUT_MS),
})
