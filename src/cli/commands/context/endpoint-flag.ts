import { csvFields, cut } from "../../../flag-values/words.ts"
import { custom, type Pairs } from "../../flags/flag.ts"

/** `--docker host=…,ca=…,cert=…,key=…`. */
export const endpointFlag = custom<Pairs>(
  "",
  "set the docker endpoint",
  "stringToString",
  {},
  (word, before) => {
    const added: Record<string, string> = {}
    for (const field of word === "" ? [] : csvFields(word)) {
      const [key, value] = cut(field, "=")
      if (value === undefined) throw new Error(`${field} must be formatted as key=value`)
      added[key] = value
    }
    return { ...before, ...added }
  },
  { shownDefault: "[]" },
)
