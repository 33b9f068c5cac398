import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

/** `npm run dev` shows the page with live code; what it asks goes to this server. */
const SERVER = process.env.EVERSTREAM_URL ?? 'http://127.0.0.1:8000'
const PROXIED = ['/v1', '/demo', '/local', '/event', '/random']

export default defineConfig({
  plugins: [vue()],
  build: {
    // One folder that no upstream mount is likely to claim; everything in it has its hash in its name.
    assetsDir: '_page',
    // The page's policy allows no inline script and no data URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: Object.fromEntries(PROXIED.map((path) => [path, SERVER])) },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
