import { tell } from '../../support/tell.ts';

tell('rules-and-people');
