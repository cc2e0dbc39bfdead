import { writeSync } from "node:fs"
import { MetadataDatabase } from "./database.ts"

/** Writes pairs in transactions for ever, and tells each number after its transaction; made to be killed at any moment. */
const database = MetadataDatabase.open(process.argv[2]!)
const left = database.collection<number>("left")
const right = database.collection<number>("right")
for (let number = 0; ; number++) {
  database.transaction(() => {
    left.put(String(number), number)
    database.transaction(() => right.put(String(number), number))
  })
  writeSync(1, `${number}\n`)
}
