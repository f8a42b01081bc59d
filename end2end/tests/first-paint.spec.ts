import { firstPaint } from './first-paint';
import { test } from './support/test';

test.describe('first paint', firstPaint);
