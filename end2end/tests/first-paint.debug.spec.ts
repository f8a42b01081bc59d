// The same on a debug build, whose hydration checks more and takes another path.

import { firstPaint } from './first-paint';
import { test } from './support/test';

test.describe('first paint', { tag: '@debug' }, firstPaint);
