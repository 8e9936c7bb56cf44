-- A journal of version 1 as that version wrote it: one row in each state.
PRAGMA application_id = 1263356465;
PRAGMA user_version = 1;
CREATE TABLE events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        account TEXT,
        task_id TEXT,
        note TEXT
    );
INSERT INTO "events" VALUES(1,1767268800.0,'key-00000','new',0,NULL,NULL,NULL);
INSERT INTO "events" VALUES(2,1767268800.0,'key-00001','new',0,NULL,NULL,NULL);
INSERT INTO "events" VALUES(3,1767268800.0,'key-00001','assets',0,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(4,1767268800.0,'key-00002','new',0,NULL,NULL,NULL);
INSERT INTO "events" VALUES(5,1767268800.0,'key-00002','assets',0,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(6,1767268800.0,'key-00002','submitting',1,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(7,1767268800.0,'key-00003','new',0,NULL,NULL,NULL);
INSERT INTO "events" VALUES(8,1767268800.0,'key-00003','assets',0,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(9,1767268800.0,'key-00003','submitting',1,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(10,1767268800.0,'key-00003','submitted',1,'ann@example.com','18446744073709551619','found');
INSERT INTO "events" VALUES(11,1767268800.0,'key-00004','new',0,NULL,NULL,NULL);
INSERT INTO "events" VALUES(12,1767268800.0,'key-00004','assets',0,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(13,1767268800.0,'key-00004','submitting',1,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(14,1767268800.0,'key-00004','submitted',1,'ann@example.com','18446744073709551620','found');
INSERT INTO "events" VALUES(15,1767268800.0,'key-00004','ready',1,'ann@example.com','18446744073709551620',NULL);
INSERT INTO "events" VALUES(16,1767268800.0,'key-00005','new',0,NULL,NULL,NULL);
INSERT INTO "events" VALUES(17,1767268800.0,'key-00005','assets',0,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(18,1767268800.0,'key-00005','submitting',1,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(19,1767268800.0,'key-00005','submitted',1,'ann@example.com','18446744073709551621','found');
INSERT INTO "events" VALUES(20,1767268800.0,'key-00005','ready',1,'ann@example.com','18446744073709551621',NULL);
INSERT INTO "events" VALUES(21,1767268800.0,'key-00005','done',1,'ann@example.com','18446744073709551621',NULL);
INSERT INTO "events" VALUES(22,1767268800.0,'key-00006','new',0,NULL,NULL,NULL);
INSERT INTO "events" VALUES(23,1767268800.0,'key-00006','failed',0,NULL,NULL,NULL);
INSERT INTO "events" VALUES(24,1767268800.0,'key-00007','new',0,NULL,NULL,NULL);
INSERT INTO "events" VALUES(25,1767268800.0,'key-00007','assets',0,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(26,1767268800.0,'key-00007','submitting',1,'ann@example.com',NULL,NULL);
INSERT INTO "events" VALUES(27,1767268800.0,'key-00007','uncertain',1,'ann@example.com',NULL,NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "facts" VALUES('listed','yes');
CREATE TABLE rows (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        source TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        params TEXT NOT NULL,
        state TEXT NOT NULL,
        account TEXT,
        lane INTEGER,
        attempt INTEGER NOT NULL DEFAULT 0,
        resource_url TEXT,
        cover_url TEXT,
        submit_at REAL,
        reply_ref TEXT,
        task_id TEXT UNIQUE,
        work_id TEXT,
        motion TEXT,
        files TEXT,
        extra_tasks TEXT,
        error TEXT,
        retries INTEGER NOT NULL DEFAULT 0,
        postponed INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    );
INSERT INTO "rows" VALUES(1,'key-00000','/clips/00000.mp4','hash-00000','{"salt":""}','new',NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,1767268800.0,1767268800.0);
INSERT INTO "rows" VALUES(2,'key-00001','/clips/00001.mp4','hash-00001','{"salt":""}','assets','ann@example.com',NULL,0,'https://cdn.example.test/in/1.mp4','https://cdn.example.test/in/1.png',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,1767268800.0,1767268800.0);
INSERT INTO "rows" VALUES(3,'key-00002','/clips/00002.mp4','hash-00002','{"salt":""}','submitting','ann@example.com',NULL,1,'https://cdn.example.test/in/2.mp4','https://cdn.example.test/in/2.png',1767268800.0,'km-2',NULL,NULL,NULL,NULL,NULL,NULL,0,0,1767268800.0,1767268800.0);
INSERT INTO "rows" VALUES(4,'key-00003','/clips/00003.mp4','hash-00003','{"salt":""}','submitted','ann@example.com',2,1,'https://cdn.example.test/in/3.mp4','https://cdn.example.test/in/3.png',1767268800.0,'km-3','18446744073709551619',NULL,NULL,NULL,'[18446744073709551621]',NULL,0,0,1767268800.0,1767268800.0);
INSERT INTO "rows" VALUES(5,'key-00004','/clips/00004.mp4','hash-00004','{"salt":""}','ready','ann@example.com',NULL,1,'https://cdn.example.test/in/4.mp4','https://cdn.example.test/in/4.png',1767268800.0,'km-4','18446744073709551620','18446744073709551621','{"workName":"walk"}',NULL,'[18446744073709551622]',NULL,0,0,1767268800.0,1767268800.0);
INSERT INTO "rows" VALUES(6,'key-00005','/clips/00005.mp4','hash-00005','{"salt":""}','done','ann@example.com',NULL,1,'https://cdn.example.test/in/5.mp4','https://cdn.example.test/in/5.png',1767268800.0,'km-5','18446744073709551621','18446744073709551622','{"workName":"walk"}','{"bvh":"/motions/walk-5.bvh"}','[18446744073709551623]',NULL,0,0,1767268800.0,1767268800.0);
INSERT INTO "rows" VALUES(7,'key-00006','/clips/00006.mp4','hash-00006','{"salt":""}','failed',NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"kind":"InvalidRequestError","text":"not a video","values":{}}',0,0,1767268800.0,1767268800.0);
INSERT INTO "rows" VALUES(8,'key-00007','/clips/00007.mp4','hash-00007','{"salt":""}','uncertain','ann@example.com',NULL,1,'https://cdn.example.test/in/7.mp4','https://cdn.example.test/in/7.png',1767268800.0,'km-7',NULL,NULL,NULL,NULL,NULL,'{"kind":"SubmitUncertainError","text":"unclear","values":{"absent":false}}',0,0,1767268800.0,1767268800.0);
CREATE TABLE sources (
        source TEXT NOT NULL,
        params TEXT NOT NULL,
        key TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        PRIMARY KEY (source, params)
    ) WITHOUT ROWID;
INSERT INTO "sources" VALUES('/clips/00000.mp4','{"salt":""}','key-00000',1000,1000000000000000000);
INSERT INTO "sources" VALUES('/clips/00001.mp4','{"salt":""}','key-00001',1001,1000000000000000001);
INSERT INTO "sources" VALUES('/clips/00002.mp4','{"salt":""}','key-00002',1002,1000000000000000002);
INSERT INTO "sources" VALUES('/clips/00003.mp4','{"salt":""}','key-00003',1003,1000000000000000003);
INSERT INTO "sources" VALUES('/clips/00004.mp4','{"salt":""}','key-00004',1004,1000000000000000004);
INSERT INTO "sources" VALUES('/clips/00005.mp4','{"salt":""}','key-00005',1005,1000000000000000005);
INSERT INTO "sources" VALUES('/clips/00006.mp4','{"salt":""}','key-00006',1006,1000000000000000006);
INSERT INTO "sources" VALUES('/clips/00007.mp4','{"salt":""}','key-00007',1007,1000000000000000007);
CREATE INDEX rows_by_state ON rows (state, account);
CREATE INDEX rows_by_content ON rows (account, content_hash);
CREATE INDEX rows_by_submit ON rows (account, submit_at);
CREATE UNIQUE INDEX one_row_in_a_lane ON rows (account, lane) WHERE lane IS NOT NULL AND state IN ('new', 'assets', 'submitting', 'submitted');
CREATE UNIQUE INDEX one_submit_of_a_video ON rows (account, resource_url) WHERE state = 'submitting';
CREATE INDEX sources_by_key ON sources (key);
CREATE INDEX events_by_key ON events (key);
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never taken out'); END;
CREATE TRIGGER events_hold BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
