// Lets the official parser judge AsyncAPI documents: node asyncapi.cjs PACKAGES FILE...
// Prints every diagnostic that is an error; exit code 1 if there is one.
const fs = require('node:fs');
const [packages, ...files] = process.argv.slice(2);
const { Parser } = require(packages + '/node_modules/@asyncapi/parser');

async function main() {
  let errors = 0;
  for (const file of files) {
    const { document, diagnostics } = await new Parser().parse(fs.readFileSync(file, 'utf8'));
    for (const d of diagnostics.filter((d) => d.severity === 0)) {
      errors++;
      console.log(`${file}: ${d.path.join('.')}: ${d.code}: ${d.message}`);
    }
    if (document) {
      console.log(`${file}: ${document.channels().all().length} channels, ${document.operations().all().length} operations, ${document.messages().all().length} messages`);
    }
  }
  process.exit(errors > 0 ? 1 : 0);
}
main();
