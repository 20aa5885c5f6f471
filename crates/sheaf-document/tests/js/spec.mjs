// Prints the examples of the CommonMark specification, which the npm package of that name holds, as JSON.
import { createRequire } from "node:module"

const { tests } = createRequire(import.meta.url)("commonmark-spec")
process.stdout.write(JSON.stringify(tests))
