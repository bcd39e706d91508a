// Completing the last word of a condition. Pure functions.

const FIELDS = [
  "service",
  "name",
  "kind",
  "status",
  "message",
  "duration",
  "http.request.method",
  "http.response.status_code",
  "http.route",
  "url.path",
  "url.full",
  "server.address",
  "error.type",
  "exception.type",
  "db.system.name",
  "db.query.text",
  "messaging.destination.name",
  "rpc.service",
  "rpc.method",
  "deployment.environment.name",
  "service.version",
  "host.name",
];
const WORDS = ["and", "or", "not"];
const MOST = 12;

/** Texts that a condition may go on as: each is the whole text with its last word completed. */
export function completions(text, fields = FIELDS) {
  const [, before, word] = /^(.*?)([\w.\-]*)$/s.exec(text);
  const expected = /(^|[(]|\b(?:and|or|not)\s)\s*$/i.test(before) ? fields : WORDS;
  if (/[=<>~]\s*["']?$/.test(before)) return [];
  return expected
    .filter((each) => each.startsWith(word) && each !== word)
    .slice(0, MOST)
    .map((each) => before + each);
}
