import type { TestModule } from 'vitest/node'

/** Prints 'N passed, N failed, N skipped' as the last line, for machines that read only that. */
export default class ClosingLine {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed' || state === 'failed' || state === 'skipped') counts[state]++
      }
      if (module.state() === 'failed' && module.children.allTests().next().done === true) counts.failed++
    }
    process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
  }
}
