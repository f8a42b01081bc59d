// How the browser tests run. What they are about: tests/*.spec.ts.
//
//   TIDINGS_BIN    the server to test; by default the last build of this workspace
//   BASE_URL       test this running server instead; tests that stop theirs start one of their own all the same
//   CHROMIUM_PATH  the browser; by default the system's

import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: './tests',
  outputDir: './test-results',
  // Each worker has its own server, and a test in it may count on nobody else writing. With BASE_URL all share one.
  workers: process.env['BASE_URL'] ? 1 : 2,
  fullyParallel: false,
  // A test that fails now and then has found something.
  retries: 0,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    browserName: 'chromium',
    video: 'off',
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--disable-quic',
      ],
    },
  },
});
