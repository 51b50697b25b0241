/**
 * @file Writes docs/models.md from the registry of models: `npx tsx --conditions=source packages/edgeai/scripts/generate-models-doc.ts`
 * in the root of the repository.
 */

import { writeFileSync } from 'node:fs';
import { modelsPage } from './models-page.ts';

writeFileSync(new URL('../../../docs/models.md', import.meta.url), modelsPage());
