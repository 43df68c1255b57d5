/** How every test starts Chromium: as root it refuses its sandbox, and small containers have little shared memory. */
export function chromiumArguments(): string[] {
  const asRoot = process.getuid?.() === 0
  return ['--disable-dev-shm-usage', '--force-color-profile=srgb', ...(asRoot ? ['--no-sandbox'] : [])]
}
