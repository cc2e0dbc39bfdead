/** Reads one YAML document (1.2, so JSON too). @throws SyntaxError */
export const parseYaml = (text: string): unknown => Bun.YAML.parse(text)
