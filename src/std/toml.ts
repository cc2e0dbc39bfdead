import { TOML } from "bun"

/** Parses TOML 1.0. @throws SyntaxError */
export const parseToml = (text: string): Readonly<Record<string, unknown>> =>
  TOML.parse(text) as Readonly<Record<string, unknown>>
