import { tell } from '../../support/tell.ts';

tell('holiday');
