import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['suite.test.js'],
    // Some tests send a hundred requests one after another; on a busy machine, with `fsync`, that takes its time.
    testTimeout: 30_000,
    retry: 0,
  },
})
