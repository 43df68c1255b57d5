/** How every test starts Chromium: as root it refuses its sandbox, and small containers have little shared memory. */
export function chromiumArguments(): string[] {
  const asRoot = process.getuid?.() === 0
  // drawn by software anyway: a process of its own only has more to hand over
  return [
    '--disable-dev-shm-usage',
    '--in-process-gpu',
    '--force-color-profile=srgb',
    ...(asRoot ? ['--no-sandbox'] : []),
  ]
}
