// The result, row by row.

const WIDTH = 49

/** Runs the checks one after another, prints a row for each, and resolves with whether all passed. */
export async function runChecks(checks) {
  let failed = 0
  for (const [name, check] of checks) {
    const started = performance.now()
    try {
      const remark = await check()
      row(name, 'pass', started, remark)
    } catch (error) {
      failed += 1
      row(name, 'FAIL', started, error.message)
    }
  }
  console.log(`\n${checks.length - failed} passed, ${failed} failed`)
  return failed === 0
}

function row(name, result, started, remark) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${name.padEnd(WIDTH)} ${result}  ${seconds.padStart(5)} s  ${remark}`)
}

/** Fails with what differs, where it first does. */
export function same(actual, expected) {
  if (actual === expected) return
  let at = 0
  while (at < expected.length && actual[at] === expected[at]) at += 1
  const excerpt = (text) => JSON.stringify(text.slice(at, at + 40))
  throw new Error(`differs at character ${at} of ${expected.length}: ${excerpt(actual)} for ${excerpt(expected)}`)
}
