import { tell } from '../../support/tell.ts';

tell('laptop-lost');
